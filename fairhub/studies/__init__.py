"""What is asked of several repairs or of none: comparison, transfer, diagnosis, another row of a front."""
