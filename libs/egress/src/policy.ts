import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { canonicalHost, embeddedIpv4 } from './address.ts';
import { type AddressKind, kindOf, kindOfName } from './classify.ts';

/** What outgoing connections may reach besides public addresses. */
export interface EgressPolicy {
  readonly kinds: ReadonlySet<AddressKind>;
  readonly ranges: BlockList;
}

/** egressForbidden: the host is, or resolves to, an address that may not be reached, or is no host. egressUnresolved: its name has no address. */
export type EgressErrorCode = 'egressForbidden' | 'egressUnresolved';
export class EgressError extends Error {
  constructor(
    readonly code: EgressErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'EgressError';
  }
}

/** Reads `SLUICE_EGRESS_ALLOW`: a comma list of `loopback`, `private` and CIDR ranges. Throws naming the entry that is none. */
export function parseAllow(text: string): EgressPolicy {
  const kinds = new Set<AddressKind>();
  const ranges = new BlockList();
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    if (entry === 'loopback' || entry === 'private') {
      kinds.add(entry);
      continue;
    }
    const [network = '', prefixText, ...rest] = entry.split('/');
    const family = isIPv4(network) ? 'ipv4' : isIPv6(network) && !network.includes('%') ? 'ipv6' : undefined;
    const prefix =
      prefixText === undefined ? (family === 'ipv4' ? 32 : 128) : /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
    if (family === undefined || rest.length > 0 || !(prefix >= 0 && prefix <= (family === 'ipv4' ? 32 : 128)))
      throw new Error(`SLUICE_EGRESS_ALLOW: "${entry}" must be loopback, private, or a range as 10.1.0.0/16.`);
    ranges.addSubnet(network, prefix, family);
  }
  return { kinds, ranges };
}

const WORDS: Record<Exclude<AddressKind, 'public'>, string> = {
  loopback: 'this machine',
  private: 'a private network',
  linkLocal: 'a link-local address',
  metadata: 'a metadata service',
  multicast: 'a multicast address',
  reserved: 'a reserved address',
};

const forbidden = (host: string, kind: Exclude<AddressKind, 'public'>): EgressError =>
  new EgressError(
    'egressForbidden',
    `${host} is ${WORDS[kind]}, which connections from here may not reach unless the operator allows it (SLUICE_EGRESS_ALLOW).`,
  );

/** Why a canonical address may not be reached. A range allows the address that is dialled in the end: of a mapped one the IPv4 address. */
export function checkAddress(policy: EgressPolicy, address: string, host: string): EgressError | undefined {
  const kind = kindOf(address);
  if (kind === 'public' || policy.kinds.has(kind)) return undefined;
  const reached = isIPv4(address) ? address : (embeddedIpv4(address) ?? address);
  return policy.ranges.check(reached, isIPv4(reached) ? 'ipv4' : 'ipv6') ? undefined : forbidden(host, kind);
}

/** Hosts are repeated in messages up to here, without control characters: they come from people. */
const shown = (host: string): string => {
  // eslint-disable-next-line no-control-regex
  const clean = host.replaceAll(/[\u0000-\u001f\u007f]/g, '?');
  return clean.length > 100 ? `${clean.slice(0, 100)}…` : clean;
};

/** Why a host may not be connected to, as far as its text says: no name is resolved. For the moment a configuration is saved. */
export function checkHost(policy: EgressPolicy, host: string): EgressError | undefined {
  const canonical = canonicalHost(host);
  if (canonical === undefined) return new EgressError('egressForbidden', `${shown(host)} is not a host name or an IP address.`);
  if (canonical.family !== 0) return checkAddress(policy, canonical.name, shown(host));
  const kind = kindOfName(canonical.name);
  if (kind === undefined || kind === 'public' || policy.kinds.has(kind)) return undefined;
  const byRange = kind === 'loopback' && policy.ranges.check('127.0.0.1', 'ipv4');
  return byRange ? undefined : forbidden(shown(host), kind);
}
