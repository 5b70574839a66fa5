"""The Hub: the only place that uploads or downloads a run."""

from fairhub.publish.checking import checked, read
from fairhub.publish.contents import Contents, contents
from fairhub.publish.fetching import fetch
from fairhub.publish.publishing import Published, publish

__all__ = ["Contents", "Published", "checked", "contents", "fetch", "publish", "read"]
