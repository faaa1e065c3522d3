// Turns off zod's generated code before zod is loaded, so it must be a worker's first import: zod
// would else try `new Function`, which the pool's content policy refuses and reports.
const settings = globalThis as { __zod_globalConfig?: { jitless?: boolean } };
settings.__zod_globalConfig = { ...settings.__zod_globalConfig, jitless: true };
