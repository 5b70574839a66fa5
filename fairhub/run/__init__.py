"""How a run goes: its folder, its processes, its progress."""
