from __future__ import annotations

from metaadapter.training import session as session_module


def test_session__each_checkpoint__comes_after_the_logs_are_flushed(start, monkeypatch):
    events = []

    class Board:
        def __init__(self, *_arguments, **_options):
            pass

        def log_config(self, config):
            pass

        def log_metrics(self, step, _metrics):
            events.append(step)

        def flush(self):
            events.append("flush")

        def finish(self):
            events.append("finish")

    save = session_module.Checkpoint.save

    def note(checkpoint, path):
        events.append("save")
        save(checkpoint, path)

    monkeypatch.setattr(session_module, "TensorBoard", Board)
    monkeypatch.setattr("metaadapter.training.run.summary_writer", lambda: None)
    monkeypatch.setattr(session_module.Checkpoint, "save", note)

    start("run", "track.tensorboard=true", "optim.steps=4", "checkpoint.every=2")

    saved = ["flush", "save"]
    assert events == [0, 1, 2, *saved, 3, 4, *saved, "finish"]
