"""Law 4 on every listed architecture: the same values on one process and on two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import ARCHITECTURES
from test_engine import PRUNINGS, make_probes
from transformers import AutoTokenizer

from fairhub.engine import Engine, probe_batches
from fairhub.processes import state

HERE = Path(__file__).parent


def values(tokenizer_folder: str) -> dict[str, list[list[float]]]:
    batches = probe_batches(AutoTokenizer.from_pretrained(tokenizer_folder), make_probes())
    return {name: Engine(build(), batches).values(PRUNINGS).tolist() for name, build in ARCHITECTURES.items()}


def test_two_processes_give_the_values_of_one(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29517"]
    environment = os.environ | {"PYTHONPATH": f"{HERE}:{HERE.parent}", "OMP_NUM_THREADS": "1"}
    out = subprocess.run(
        [*command, __file__, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=240, check=False
    )
    assert out.returncode == 0, out.stderr
    found = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    assert sorted(row["process"] for row in found) == [0, 1]  # positive control: there were two
    expected = values(str(tmp_path))
    for row in found:
        assert set(row["values"]) == set(ARCHITECTURES)
        for name in ARCHITECTURES:
            np.testing.assert_allclose(row["values"][name], expected[name], rtol=1e-6, err_msg=name)


if __name__ == "__main__":
    rows = values(sys.argv[1])
    sys.stdout.write(json.dumps({"process": state().process_index, "values": rows}) + "\n")
    assert state().num_processes == 2
    state().wait_for_everyone()  # one that leaves early would take the other's connection with it
    state().destroy_process_group()
