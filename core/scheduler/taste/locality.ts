// Locality: a job that was stopped goes back to where it was, where its files and what it fetched
// still are.
import type { TasteRanker } from "./taste.ts";

/** Points that another site costs: as much as a quarter less speed. */
const ELSEWHERE_POINTS = 25;

export const locality: TasteRanker = {
  of: ({ lastSiteId }) =>
    lastSiteId === undefined
      ? undefined
      : ({ siteId }) => (siteId === lastSiteId ? 0 : ELSEWHERE_POINTS),
  says: ({ lastSiteId }, _world, { siteId }) =>
    siteId === lastSiteId ? `it was on site ${siteId} before` : undefined,
};
