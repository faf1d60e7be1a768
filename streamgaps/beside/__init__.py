"""Files beside the predictions, with the ground truth or the videos: indexed on disk, and looked into by key."""
