// Opens a page where there is a desktop to open it on, and says nothing where there is none.
import { spawn } from "node:child_process";

/** Opens `url` in the user's browser, if there is a graphical session. */
export function openBrowser(url: string): void {
  const desktop =
    process.platform !== "linux" ||
    process.env.DISPLAY !== undefined ||
    process.env.WAYLAND_DISPLAY !== undefined;
  if (!desktop || process.env.CI !== undefined) return;
  const program = { darwin: "open", win32: "explorer" }[process.platform as string] ?? "xdg-open";
  const child = spawn(program, [url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
