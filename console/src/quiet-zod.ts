// Turns off zod's generated code before zod is loaded, so it must be the first import of main.tsx.
// zod would else try `new Function`, which a strict content policy refuses and reports.
const settings = globalThis as { __zod_globalConfig?: { jitless?: boolean } };
settings.__zod_globalConfig = { ...settings.__zod_globalConfig, jitless: true };
