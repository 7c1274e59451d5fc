"""The prediction service: guarded, durable, bounded; its supervisor, workers and client.

Modules, from the wire inwards: `protocol` (connections), `gate` (who may do what), `limits` and
`wire` (what a body may be), `predict`, `bulk`, `labels`, `views` (what is answered), `batching`
(group commit), `lineup` (which release answers), `metrics`, `worker` and `supervisor`.
"""
