// Whom a site's worker believes to be its pool: the system's authorities, and the certificate that
// its agent was told of by the join token.
import { getCACertificates, setDefaultCACertificates } from "node:tls";

/** Believes the certificate (PEM) in TEQUIO_CA, if there is one. Holds for the calling thread only:
 * each thread that speaks to the pool calls it. */
export function believePool(): void {
  const own = process.env.TEQUIO_CA;
  if (own !== undefined) setDefaultCACertificates([...getCACertificates("default"), own]);
}
