// Who the reader is, for every page below: asked once and kept fresh, since rights end at once.
import { createContext, type ReactNode, useContext } from "react";
import { useCall } from "../api.tsx";
import { Waiting } from "../ui/parts.tsx";
import { holds, may, type Permission, projectsAbove, type Target, type Who } from "./rights.ts";

const WhoContext = createContext<Who | undefined>(undefined);

/** Shows what stands inside once the pool has said who the reader is. */
export function WhoProvider(props: { readonly children: ReactNode }) {
  const who = useCall("whoami", {});
  if (who.data === undefined) return <Waiting trouble={who.trouble} />;
  return <WhoContext value={who.data}>{props.children}</WhoContext>;
}

/** The reader. */
export function useWho(): Who {
  const who = useContext(WhoContext);
  if (who === undefined) throw new Error("Invariant broken: a page stands inside WhoProvider");
  return who;
}

/** Whether the reader may do something to the target. */
export const useMay = (what: Permission, target: Target = {}): boolean =>
  may(useWho(), what, target);

/** Whether the reader holds a permission over anything at all. */
export const useHolds = (what: Permission): boolean => holds(useWho(), what);

/** Whether the reader may do something in a project, itself or by a role over one above it. */
export function useMayInProject(what: Permission, project: string, owner?: string): boolean {
  const projects = useCall("listProjects", {}, useHolds("projects.read")).data?.rows ?? [];
  return useMay(what, { project, above: projectsAbove(projects, project), owner });
}

/** Shows its content only to those who hold a permission: no useless call, no refusal. */
export function IfHolds(props: { readonly what: Permission; readonly children: ReactNode }) {
  return useHolds(props.what) ? props.children : null;
}
