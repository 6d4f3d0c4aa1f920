import type { Failure } from './failure.ts';
import type { Rendered } from '../configuration/rendering.ts';

/** What a connection is made of; its configuration, secrets in clear, isn't kept. */
export interface Blueprint extends Pick<Rendered, 'fingerprint' | 'base' | 'host' | 'delivery'> {
  readonly version: number;
  /** `version 3`, with the credential where one is named. */
  readonly label: string;
}

export const blueprintOf = ({ fingerprint, base, host, delivery, credential }: Rendered, version: number): Blueprint => ({
  fingerprint,
  base,
  host,
  delivery,
  version,
  label: `version ${version}${credential === undefined ? '' : ` and the ${credential}`}`,
});

/** The status' reason while a connection stands although its secret was changed. */
export function stillUsed({ code, reason }: Failure, { label }: Blueprint): string {
  const verdict = code === 'lost' || code === 'throttled' ? 'could not be tried' : 'was refused';
  return `The new credential ${verdict}: ${reason.replace(/\.?$/, '.')} The connection made with ${label} is still used.`;
}
