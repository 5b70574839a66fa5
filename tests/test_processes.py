"""Law 4: the same values on one process and on two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from conftest import ARCHITECTURES
from test_engine import PRUNINGS, make_probes

from fairhub.engine import Engine, probe_batches
from fairhub.processes import state

HERE = Path(__file__).parent


def values(tokenizer_folder: str) -> list[list[float]]:
    from transformers import AutoTokenizer

    torch.manual_seed(0)
    model = ARCHITECTURES["llama"]().eval()
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    return Engine(model, probe_batches(tokenizer, make_probes())).values(PRUNINGS).tolist()


def test_two_processes_give_the_values_of_one(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29517"]
    environment = os.environ | {"PYTHONPATH": f"{HERE}:{HERE.parent}", "OMP_NUM_THREADS": "1"}
    out = subprocess.run(
        [*command, __file__, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=240, check=False
    )
    assert out.returncode == 0, out.stderr[-2000:]
    found = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    assert sorted(row["process"] for row in found) == [0, 1]  # positive control: there were two
    expected = values(str(tmp_path))
    for row in found:
        np.testing.assert_allclose(row["values"], expected, rtol=1e-6)


if __name__ == "__main__":
    rows = values(sys.argv[1])
    sys.stdout.write(json.dumps({"process": state().process_index, "values": rows}) + "\n")
    assert state().num_processes == 2
