"""The Hub: the only place that uploads or downloads a run."""

from fairhub.hub.checking import checked, read
from fairhub.hub.contents import Contents, contents
from fairhub.hub.fetching import fetch
from fairhub.hub.publishing import Published, publish

__all__ = ["Contents", "Published", "checked", "contents", "fetch", "publish", "read"]
