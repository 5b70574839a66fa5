"""The metadata of a card: what the Hub reads is what the report says, and only what the Hub knows."""

from dataclasses import replace

import fake_report
import pytest
from carding import section, unchanged
from huggingface_hub import ModelCard

from fairhub import card


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module", params=["repaired", "audited", "unchanged"])
def made(request):
    return {"repaired": fake_report.report, "audited": fake_report.audit, "unchanged": unchanged}[request.param]()


@pytest.fixture(scope="module")
def text(repair):
    return card.render(repair, "acme/smol-fair")


def test_the_hub_reads_the_metadata_it_was_given(made):
    for repo in (None, "acme/smol-fair"):
        given = card.metadata(made, repo).to_dict()
        parsed = ModelCard(card.render(made, repo))
        assert parsed.data.to_dict() == given
        again = ModelCard(str(parsed))
        assert again.data.to_dict() == given and again.text == parsed.text


def test_metadata_names_base_method_axes_and_task(repair):
    data = card.metadata(repair, "acme/smol-fair").to_dict()
    assert data["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data["base_model_relation"] == "finetune"
    assert (data["library_name"], data["pipeline_tag"]) == ("transformers", "text-generation")
    assert (data["license"], data["language"]) == ("apache-2.0", ["en"])
    assert {"fairhub", "robust", "pruning", *fake_report.AXES} <= set(data["tags"])
    assert "control" not in data["tags"] and "all" not in data["tags"]
    assert "co2_eq_emissions" not in data and "datasets" not in data, "what is not known is left out"
    assert card.metadata(repair, weights=False).library_name == "fairhub", "transformers loads no recipe"


def test_before_and_after_are_results_of_their_own(repair):
    results = card.metadata(repair, "acme/smol-fair").eval_results
    named = {(r.dataset_split, r.dataset_type, r.metric_name): r for r in results}
    assert len(named) == len(results), "no two results share their names"
    bias = repair.figure("divergence", "held_out")
    for which, part in (("base model", bias.before), ("repaired", bias.after)):
        result = named["held_out", "fairhub-prompts", f"divergence (nats, less is not fairer), {which}"]
        assert result.metric_value == pytest.approx(part.value, rel=1e-5)
        assert result.metric_args["low"] == pytest.approx(part.low, rel=1e-5)
        assert (result.metric_args["items"], result.metric_args["clusters"]) == (320, 40)
    names = {r.metric_type for r in results}
    assert {"perplexity", "kl", "specificity"} <= names, "bias is never quoted alone"
    assert not [r for r in results if r.metric_value == 0], "nothing that is 0 by definition is a result"


def test_a_figure_that_got_worse_is_among_the_results(repair):
    harmed = replace(
        repair, figures=(*repair.figures, fake_report.figure(+0.5, axis="disability", name="judgement", seed=8))
    )
    assert "judgement disability (nats², lower is better), repaired" in {
        result.metric_name for result in card.metadata(harmed).eval_results
    }


@pytest.mark.parametrize(
    ("told", "licence", "name"),
    [
        ("Apache-2.0", "apache-2.0", None),
        ("llama3.2", "llama3.2", None),
        ("My Own Terms", "other", "my-own-terms"),
        (None, None, None),
    ],
)
def test_licence_is_inherited_or_said_to_be_unknown(repair, told, licence, name):
    model = {"id": "acme/base", "revision": "0" * 40, "sha256": "1", "licence": told}
    made = replace(repair, base_model=model)
    data = card.metadata(made).to_dict()
    assert (data.get("license"), data.get("license_name")) == (licence, name)
    details = section(card.render(made), "### Model Description")
    expected = f"{told}, inherited from the base model" if told else "not recorded; that of the base model applies"
    assert f"**License:** {expected}" in details


def test_a_local_model_is_no_link_and_its_folder_is_nobodys_business(repair):
    local = replace(repair, base_model={"id": "/srv/alice/secret/mine", "revision": "local", "sha256": "1"})
    local = replace(
        local, settings={"model": "/srv/alice/secret/mine", "probes": "~/alice/p.jsonl", "sizes": ["/srv/x"]}
    )
    said = card.render(local)
    assert "alice" not in said and "/srv" not in said and "mine" in said and "p.jsonl" in said
    assert "base_model" not in card.metadata(local).to_dict() and "a local folder" in said
    relative = replace(repair, base_model={"id": "models/mine", "revision": "local"})
    assert "base_model" not in card.metadata(relative).to_dict(), "a folder that looks like a Hub id is none"


def test_revision_in_the_id_is_not_part_of_it(repair):
    pinned = replace(repair, base_model={"id": "acme/base@v2", "revision": "a" * 40})
    assert card.metadata(pinned).base_model == "acme/base"
    assert f"revision {'a' * 40}" in card.render(pinned)


def test_only_data_sets_that_the_hub_has_are_named(repair):
    names = ("fairhub probes", "CrowS-Pairs", "WikiText-2 (raw)", "mine/own.jsonl")
    made = replace(repair, data=[{"name": n, "revision": "1", "sha256": "77", "licence": "MIT"} for n in names])
    assert card.metadata(made).datasets == ["nyu-mll/crows_pairs", "Salesforce/wikitext"]
    shown = section(card.render(made), "### Training Data")
    assert all(name.split("/")[-1] in shown for name in names) and shown.count("MIT") == 4
    assert "nangia2020crows" in card.render(made)


def test_emissions_are_quoted_where_known(repair):
    known = replace(repair, cost=repair.cost | {"co2_eq_grams": 12.5, "co2_eq_source": "code carbon"})
    assert card.metadata(known).to_dict()["co2_eq_emissions"]["emissions"] == 12.5
    assert "12.5 g CO2eq (code carbon)" in card.render(known)
    assert "Carbon emitted:** not measured" in card.render(repair)


def test_registered_benchmarks_only(repair):
    assert card.eval_results(repair, "acme/x") == {}
    files = card.eval_results(repair, "acme/x", registered={"boolq": ("google/boolq", "default")})
    assert list(files) == [".eval_results/boolq.yaml"]
    assert "id: google/boolq" in files[".eval_results/boolq.yaml"] and "0.5825" in files[".eval_results/boolq.yaml"]
