"""The `metaadapter` program.

Results go to stdout; notes, warnings, progress and errors go to stderr. `--quiet` drops notes and
progress. `--json` prints one document. Without a terminal, columns are separated by tabs.

## Exit codes

With `--json` an error is a document, whose `kind` stands here.

- 0: done; unreadable pictures are listed and change nothing
- 1, `unexpected`: a bug, or a problem that `doctor` found
- 2, `usage`: a wrong argument or option
- 3, `data`: unsuitable pictures, labels, manifest or configuration; a damaged file; missing
  weights, permission, disk space or memory; a result that cannot be written to stdout
- 4, `incompatible-artifact`: an adapter, a store or weights do not match their use
- 5, `missing-package`: an optional package is missing
- 130, `interrupted`: Ctrl-C (SIGINT). `encode` and `evaluate` keep what is finished,
  `predict` keeps the rows of its table, `train` keeps the current step or, after a second Ctrl-C,
  the last checkpoint
- 143, `terminated`, and 129, `hung-up`: SIGTERM, and SIGHUP, when a terminal closes. Commands keep
  what they keep for 130. `nohup metaadapter …` ignores SIGHUP

## Environment variables

- `METAADAPTER_DEBUG=1`: an unexpected error shows its place in the code, as with `--debug`
- `OMP_NUM_THREADS`: threads of the encoder; `doctor` warns if there are too many
- `HF_HUB_OFFLINE=1`: fetch nothing from the hub, read its cache alone
- `HF_HOME`: folder of what was fetched
- `HF_TOKEN`: token of the hub, for private repositories; by default that of
  `hf auth login`
- `HF_ENDPOINT`: another hub
- `ORT_DISABLE_TELEMETRY`: set to 1 before onnxruntime is loaded, unless you set it
- `NO_COLOR`: no colours; `FORCE_COLOR`: always colours
"""
