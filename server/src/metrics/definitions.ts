// Every metric of the control plane by its name, kind, labels and meaning. The reference's page
// metrics.md and the registry's objects are made from this table, so none can be undocumented. No
// label takes a value that users can invent without bound: no job, user or token appears.

export interface MetricDefinition {
  readonly name: string;
  readonly kind: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, in the unit of its name. */
  readonly buckets?: readonly number[];
}

/** From a second to a week: short jobs and long queues on one scale. */
const WAIT_S = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 604_800];
/** From half a millisecond, a read from memory, to the half minute of a long poll. */
const REQUEST_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];
/** A disk that syncs in 0.1 ms, and one that needs a second. */
const DISK_S = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const PASS_S = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const RECORDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/** The metrics by the name that the code knows them by. */
export const METRICS = {
  build: {
    ...{ name: "tequio_build_info", kind: "gauge", labels: ["version"] },
    help: "Always 1; the version of the control plane is the label.",
  },
  jobs: {
    ...{ name: "tequio_jobs", kind: "gauge", labels: ["state"] },
    help: "Jobs by state: queued, active, or the outcome with which they ended.",
  },
  jobsSubmitted: {
    ...{ name: "tequio_jobs_submitted_total", kind: "counter" },
    help: "Jobs that were ever accepted; each task of an array counts.",
  },
  jobsRequeued: {
    ...{ name: "tequio_jobs_requeued_total", kind: "counter" },
    help: "Jobs that went back to the queue since the process started.",
  },
  queueJobs: {
    ...{ name: "tequio_queue_jobs", kind: "gauge" },
    help: "Jobs that wait for a first or a further lease.",
  },
  jobWait: {
    ...{ name: "tequio_job_wait_seconds", kind: "histogram", buckets: WAIT_S },
    help: "From a job's submission to its first lease.",
  },
  leaseRan: {
    ...{ name: "tequio_lease_ran_seconds", kind: "histogram", buckets: WAIT_S },
    help: "How long ended leases ran, by the site's own measure.",
  },
  leases: {
    ...{ name: "tequio_leases", kind: "gauge", labels: ["stage"] },
    help: "Open leases by stage.",
  },
  placements: {
    ...{ name: "tequio_placements_total", kind: "counter" },
    help: "Leases that the scheduler granted since the process started.",
  },
  moves: {
    ...{ name: "tequio_lease_moves_total", kind: "counter" },
    help: "Leases asked to stop so that their jobs go on elsewhere on the site, since the start.",
  },
  leaseEnds: {
    ...{ name: "tequio_lease_ends_total", kind: "counter", labels: ["outcome"] },
    help: "Leases that ended since the process started, by outcome.",
  },
  schedulerPass: {
    ...{ name: "tequio_scheduler_pass_seconds", kind: "histogram", buckets: PASS_S },
    help: "One look of the scheduler at the whole queue.",
  },
  members: {
    ...{ name: "tequio_members", kind: "gauge", labels: ["standing"] },
    help: "Members by standing.",
  },
  sites: {
    ...{ name: "tequio_sites", kind: "gauge", labels: ["state"] },
    help: "Sites by state: joined (never spoke), here, away.",
  },
  siteLastSeen: {
    ...{ name: "tequio_site_last_seen_seconds", kind: "gauge", labels: ["member", "site"] },
    help: "Time since a site was last heard by this process.",
  },
  gatewayConnections: {
    ...{ name: "tequio_gateway_connections", kind: "gauge" },
    help: "Open WebSocket connections of agents.",
  },
  eventStreams: {
    ...{ name: "tequio_event_streams", kind: "gauge" },
    help: "Open live streams of the journal.",
  },
  nodes: {
    ...{ name: "tequio_nodes", kind: "gauge", labels: ["state"] },
    help: "Nodes by state: used (holds a lease), free, draining, away.",
  },
  accelerators: {
    ...{ name: "tequio_accelerators", kind: "gauge", labels: ["vendor", "kind", "state"] },
    help: "Accelerators by vendor, kind and state: used, free, draining, away.",
  },
  cores: {
    ...{ name: "tequio_cpu_cores", kind: "gauge", labels: ["state"] },
    help: "Lent processor cores by state: used, free, draining, away.",
  },
  projectShares: {
    ...{ name: "tequio_project_shares", kind: "gauge", labels: ["project"] },
    help: "Shares that a project was given; the projects with the most usage are shown.",
  },
  projectUsage: {
    ...{ name: "tequio_project_usage_ratio", kind: "gauge", labels: ["project"] },
    help: "A project's part of all usage that fair share remembers, 0 to 1.",
  },
  journalSeq: {
    ...{ name: "tequio_journal_sequence", kind: "gauge" },
    help: "Number of the newest event of the journal.",
  },
  append: {
    ...{ name: "tequio_journal_append_seconds", kind: "histogram", buckets: DISK_S },
    help: "From handing events to the journal until they were durable.",
  },
  appendRecords: {
    ...{ name: "tequio_journal_append_records", kind: "histogram", buckets: RECORDS },
    help: "Events made durable together.",
  },
  snapshotAge: {
    ...{ name: "tequio_snapshot_age_seconds", kind: "gauge" },
    help: "Time since the newest snapshot was written, or since the start if none was since.",
  },
  snapshotSeq: {
    ...{ name: "tequio_snapshot_sequence", kind: "gauge" },
    help: "Event up to which the newest snapshot holds everything.",
  },
  snapshotWrite: {
    ...{ name: "tequio_snapshot_write_seconds", kind: "histogram", buckets: REQUEST_S },
    help: "Writing a snapshot.",
  },
  storeErrors: {
    ...{ name: "tequio_store_errors_total", kind: "counter", labels: ["code"] },
    help: "Appends and snapshots that the store refused, by code.",
  },
  leads: {
    ...{ name: "tequio_leader", kind: "gauge" },
    help: "1 for the control plane that leads, 0 for one that follows.",
  },
  followerLag: {
    ...{ name: "tequio_follower_lag_seconds", kind: "gauge" },
    help: "Age of what a follower answers: nothing older than this is missing. 0 for the leader.",
  },
  storeFree: {
    ...{ name: "tequio_store_free_bytes", kind: "gauge" },
    help: "Free bytes on the disk of the data folder.",
  },
  httpRequests: {
    ...{ name: "tequio_http_requests_total", kind: "counter" },
    ...{ labels: ["method", "route", "status"] },
    help: "Answered requests; the route is the pattern, never the address.",
  },
  httpSeconds: {
    ...{ name: "tequio_http_request_seconds", kind: "histogram", buckets: REQUEST_S },
    ...{ labels: ["method", "route"] },
    help: "From a request's first line to the end of its answer; long polls wait on purpose.",
  },
  rateLimited: {
    ...{ name: "tequio_rate_limited_total", kind: "counter", labels: ["caller"] },
    help: "Requests refused by a rate limit, by kind of caller.",
  },
  runs: {
    ...{ name: "tequio_runs", kind: "gauge", labels: ["state"] },
    help: "Spanning runs by state: preparing, running, ended.",
  },
  runRounds: {
    ...{ name: "tequio_run_rounds_total", kind: "counter" },
    help: "Rounds merged since the process started, of all runs.",
  },
  runTokens: {
    ...{ name: "tequio_run_tokens_total", kind: "counter" },
    help: "Training tokens merged since the process started, of all runs.",
  },
  runBytes: {
    ...{ name: "tequio_run_bytes_total", kind: "counter", labels: ["direction"] },
    help: "Coded bytes of merged rounds: up from the sites, down to each of them.",
  },
  runContributions: {
    ...{ name: "tequio_run_contributions_total", kind: "counter", labels: ["verdict"] },
    help: "Contributions that were merged, and those that did not count.",
  },
  runLoss: {
    ...{ name: "tequio_run_loss_nats", kind: "gauge" },
    help: "Held-out loss of the model that was measured last, of any run.",
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** Names under which dashboards made for Slurm look for the same figures; all are gauges. */
export const SLURM_METRICS = {
  slurm_jobs: "All jobs that are not forgotten.",
  slurm_jobs_pending: "Queued jobs.",
  slurm_jobs_running: "Active jobs.",
  slurm_jobs_completed: "Completed jobs.",
  slurm_jobs_failed: "Failed jobs.",
  slurm_jobs_cancelled: "Cancelled jobs.",
  slurm_jobs_timeout: "Jobs that met their time limit.",
  slurm_jobs_node_failed: "Jobs that were lost with their site.",
  slurm_jobs_cpus_alloc: "Cores held by leases.",
  slurm_jobs_gpus_alloc: "GPUs held by leases.",
  slurm_nodes: "All nodes.",
  slurm_nodes_alloc: "Nodes that hold a lease.",
  slurm_nodes_idle: "Nodes that could take a job and hold no lease.",
  slurm_nodes_drain: "Nodes of members that drain or were recalled.",
  slurm_nodes_down: "Nodes of sites that are away.",
  slurm_queue_pending: "Queued jobs.",
  slurm_queue_running: "Active jobs.",
  slurm_queue_completed: "Completed jobs.",
  slurm_queue_failed: "Failed jobs.",
  slurm_queue_cancelled: "Cancelled jobs.",
  slurm_queue_timeout: "Jobs that met their time limit.",
  slurm_queue_node_fail: "Jobs that were lost with their site.",
  slurm_cpus_alloc: "Cores held by leases.",
  slurm_cpus_idle: "Free cores.",
  slurm_cpus_other: "Cores of draining or absent nodes.",
  slurm_cpus_total: "All lent cores.",
  slurm_gpus_alloc: "GPUs held by leases.",
  slurm_gpus_idle: "Free GPUs.",
  slurm_gpus_total: "All GPUs.",
  slurm_schedule_cycle_cnt: "Passes of the scheduler.",
  slurm_schedule_cycle_last: "Microseconds of the last pass.",
  slurm_schedule_cycle_max: "Microseconds of the longest pass.",
  slurm_schedule_cycle_tot: "Microseconds of all passes.",
  slurm_schedule_queue_len: "Jobs in the queue.",
  slurm_sched_cycle_cnt: "Passes of the scheduler.",
  slurm_sched_cycle_last: "Microseconds of the last pass.",
  slurm_sched_mean_cycle: "Microseconds of a pass, on average.",
  slurm_scheduler_last_cycle: "Microseconds of the last pass.",
  slurm_scheduler_mean_cycle: "Microseconds of a pass, on average.",
  slurm_sdiag_jobs_submitted: "Jobs ever accepted.",
  slurm_sdiag_jobs_started: "Leases granted since the process started.",
  slurm_sdiag_jobs_completed: "Completed jobs.",
  slurm_sdiag_jobs_canceled: "Cancelled jobs.",
  slurm_sdiag_jobs_failed: "Failed jobs.",
  slurm_sdiag_jobs_pending: "Queued jobs.",
  slurm_sdiag_jobs_running: "Active jobs.",
} as const satisfies Record<`slurm_${string}`, string>;

export type SlurmName = keyof typeof SLURM_METRICS;
