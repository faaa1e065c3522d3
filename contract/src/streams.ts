// The endpoints whose bodies are not JSON, for the reference and openapi.json. The server writes
// them by hand.
import { EventsQuery } from "./pool.ts";
import { ExportQuery } from "./run-endpoints.ts";

/**
 * - `GET /v1/events?after=SEQ&types=a,b` person: server-sent events from the journal, those that
 *   the caller may see
 * - `PUT /v1/blobs/:digest`, `HEAD`, `GET` (range) task and person: content-addressed blobs; an
 *   upload may come in parts with `Content-Range: bytes A-B/SIZE`; HEAD on an unfinished upload
 *   answers 404 with `Upload-Offset`
 * - `GET /v1/runs/:id/export?format=safetensors|onnx&round=N` person: a run's model as a file
 * - `/openai/v1/...` person: texts from the models of runs, as OpenAI's clients ask for them
 * - `GET /v1/probe?bytes=N`, `POST /v1/probe` site: bytes for measuring a link
 * - `GET /v1/gateway` WebSocket of the agents
 * - `GET /metrics`, `GET /metrics/slurm` person, or the token of `--metrics-token-file`: metrics
 * - `GET /v1/sign-in/oidc?next=#/PAGE` anyone: sends a browser to the identity provider
 * - `GET /v1/sign-in/oidc/callback` anyone: takes it back, sets the session's cookie and leads to
 *   the console; what went wrong is said by `GET /v1/sign-in`
 * - `GET /healthz`, `GET /readyz`, `GET /openapi.json` anyone
 */
export const STREAM_ENDPOINTS = [
  {
    method: "GET",
    path: "/v1/events",
    callers: ["person"],
    permission: "pool.read",
    query: EventsQuery,
  },
  {
    method: "PUT",
    path: "/v1/blobs/:digest",
    callers: ["task", "person"],
    permission: "blobs.write",
  },
  {
    method: "HEAD",
    path: "/v1/blobs/:digest",
    callers: ["task", "person"],
    permission: "blobs.read",
  },
  {
    method: "GET",
    path: "/v1/blobs/:digest",
    callers: ["task", "person"],
    permission: "blobs.read",
  },
  {
    method: "GET",
    path: "/v1/runs/:id/export",
    callers: ["person"],
    permission: "blobs.read",
    query: ExportQuery,
  },
  { method: "GET", path: "/openai/v1/models", callers: ["person"], permission: "runs.sample" },
  {
    method: "GET",
    path: "/openai/v1/models/:model",
    callers: ["person"],
    permission: "runs.sample",
  },
  {
    method: "POST",
    path: "/openai/v1/completions",
    callers: ["person"],
    permission: "runs.sample",
  },
  {
    method: "POST",
    path: "/openai/v1/chat/completions",
    callers: ["person"],
    permission: "runs.sample",
  },
  { method: "GET", path: "/v1/probe", callers: ["site"], permission: null },
  { method: "POST", path: "/v1/probe", callers: ["site"], permission: null },
  { method: "GET", path: "/v1/gateway", callers: ["site"], permission: null },
  { method: "GET", path: "/metrics", callers: ["person"], permission: "metrics.read" },
  { method: "GET", path: "/metrics/slurm", callers: ["person"], permission: "metrics.read" },
  { method: "GET", path: "/v1/sign-in/oidc", callers: ["anyone"], permission: null },
  { method: "GET", path: "/v1/sign-in/oidc/callback", callers: ["anyone"], permission: null },
  { method: "GET", path: "/healthz", callers: ["anyone"], permission: null },
  { method: "GET", path: "/readyz", callers: ["anyone"], permission: null },
  { method: "GET", path: "/openapi.json", callers: ["anyone"], permission: null },
] as const;
