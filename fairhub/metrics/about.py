"""What every measurement tells `evaluate` about itself."""

import datasets
import evaluate


def about(description: str, inputs: str, **columns: str) -> evaluate.MeasurementInfo:
    """Return the information of a measurement.

    Args:
        description: What it measures.
        inputs: Its arguments.
        columns: Types of those arguments that have an item each, as `datasets` names them.
    """
    features = {name: datasets.Value(kind) for name, kind in columns.items()}
    return evaluate.MeasurementInfo(
        description=description, citation="", inputs_description=inputs, features=datasets.Features(features)
    )
