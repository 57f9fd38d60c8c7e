"""What a release's files tell of it without rendering them: one module for each kind of fact."""
