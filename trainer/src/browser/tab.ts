// entry: the console's page for contributing starts this as a worker
// The site's worker of a tab: the page's orders go in, news for people come out. It is no part of
// the page itself, because browsers slow the timers of a page that nobody looks at.
import "./quiet-zod.ts";
import type { PageOrder, SiteNews } from "@tequio/contract";
import type { ComputeWorker } from "./lease.ts";
import { BrowserSite } from "./site.ts";

declare const Worker: new (url: URL, options: { readonly type: "module" }) => ComputeWorker;

interface Host {
  onmessage: ((event: { readonly data: PageOrder }) => void) | null;
  postMessage(news: SiteNews): void;
}
const host = globalThis as unknown as Host;
const openWorker = (): ComputeWorker =>
  new Worker(new URL("./compute.ts", import.meta.url), { type: "module" });

let site: BrowserSite | undefined;

host.onmessage = ({ data }) => {
  switch (data.kind) {
    case "start": {
      const { poolUrl, joinToken, threads } = data;
      const onNews = (news: SiteNews): void => host.postMessage(news);
      site ??= new BrowserSite({ poolUrl, joinToken, threads, openWorker, onNews });
      break;
    }
    case "pause":
      site?.pause();
      break;
    case "resume":
      site?.resume();
      break;
    case "stop":
      site?.stop();
      break;
    default:
      data satisfies never;
  }
};
