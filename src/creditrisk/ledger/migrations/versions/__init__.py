"""One module a revision, oldest first. What has been released is never edited."""
