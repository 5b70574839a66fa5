"""The one error a user's mistake raises: one clear line, no traceback, exit code 2."""


class UserError(ValueError):
    """A mistake the user can mend.

    The message is one line: the rule, what arrived, and what to do about it.
    """
