"""Who is judged worse: judgement gaps between groups, and what a group's name changes everywhere."""
