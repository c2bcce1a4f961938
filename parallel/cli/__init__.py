"""The commands `ipcluster`, `ipcontroller` and `ipengine`."""
