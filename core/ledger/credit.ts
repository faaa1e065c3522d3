// What owners get back for what their machines did: it is taken off what their projects used, so
// that fair share looks at what a project took from others, less what its owner gave them. Whose
// projects are whose, and what fair share makes of the rest, is not decided here.

export interface OwnerAccount {
  /** All projects of the owner, those below them included. */
  readonly projects: readonly string[];
  /** Device-milliseconds that its machines served, for whomever, faded like the usage. */
  readonly servedMs: number;
}

/**
 * Credit of each project, in device-milliseconds and never more than it used. What an owner's
 * machines served for the owner's own projects is in both sums and cancels out: it took nothing
 * from anybody. Several projects share a credit in proportion to what they used. Where a project
 * has several owners, each in turn covers what is left.
 */
export function creditsOf(
  owners: readonly OwnerAccount[],
  used: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const credits = new Map<string, number>();
  const left = (project: string): number =>
    Math.max(0, (used.get(project) ?? 0) - (credits.get(project) ?? 0));
  for (const { projects, servedMs } of owners) {
    const total = projects.reduce((sum, project) => sum + left(project), 0);
    if (total <= 0 || servedMs <= 0) continue;
    const part = Math.min(1, servedMs / total);
    for (const project of projects) {
      const credit = part * left(project);
      if (credit > 0) credits.set(project, (credits.get(project) ?? 0) + credit);
    }
  }
  return credits;
}
