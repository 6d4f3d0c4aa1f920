import { BlockList, isIPv4 } from 'node:net';
import { embeddedIpv4 } from './address.ts';

/** What kind of place an address is; only `public` may be reached without the operator's word. */
export type AddressKind = 'public' | 'loopback' | 'private' | 'linkLocal' | 'metadata' | 'multicast' | 'reserved';

type Range = readonly [network: string, prefix: number];

function listOf(v4: readonly Range[], v6: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of v4) list.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of v6) list.addSubnet(network, prefix, 'ipv6');
  return list;
}

/**
 * From the IANA special-purpose registries for IPv4 and IPv6, first match wins. Metadata services first: AWS, Azure, GCP and others (169.254.169.254,
 * fd00:ec2::254), Azure's wire server, Alibaba, Oracle: they hand out credentials of the machine.
 */
const KINDS: readonly (readonly [AddressKind, BlockList])[] = [
  [
    'metadata',
    listOf(
      [
        ['169.254.169.254', 32],
        ['169.254.170.2', 32],
        ['169.254.170.23', 32],
        ['168.63.129.16', 32],
        ['100.100.100.200', 32],
        ['192.0.0.192', 32],
      ],
      [
        ['fd00:ec2::254', 128],
        ['fd00:ec2::23', 128],
        ['fd20:ce::254', 128],
      ],
    ),
  ],
  ['loopback', listOf([['127.0.0.0', 8]], [['::1', 128]])],
  [
    'private',
    listOf(
      [
        ['10.0.0.0', 8],
        ['172.16.0.0', 12],
        ['192.168.0.0', 16],
      ],
      [['fc00::', 7]],
    ),
  ],
  ['linkLocal', listOf([['169.254.0.0', 16]], [['fe80::', 10]])],
  ['multicast', listOf([['224.0.0.0', 4]], [['ff00::', 8]])],
  [
    'reserved',
    listOf(
      [
        ['0.0.0.0', 8],
        ['100.64.0.0', 10],
        ['192.0.0.0', 24],
        ['192.0.2.0', 24],
        ['192.88.99.0', 24],
        ['198.18.0.0', 15],
        ['198.51.100.0', 24],
        ['203.0.113.0', 24],
        ['240.0.0.0', 4],
      ],
      [
        ['2001::', 23],
        ['2001:db8::', 32],
        ['3fff::', 20],
      ],
    ),
  ],
];

/** The only IPv6 range in public use. */
const GLOBAL_UNICAST = listOf([], [['2000::', 3]]);

/** Kind of a canonical address. One that only wraps an IPv4 address is judged by that: BlockList's own mapped ranges would match all of IPv4. */
export function kindOf(address: string): AddressKind {
  if (isIPv4(address)) return KINDS.find(([, list]) => list.check(address, 'ipv4'))?.[0] ?? 'public';
  const inner = embeddedIpv4(address);
  if (inner !== undefined) return kindOf(inner);
  const kind = KINDS.find(([, list]) => list.check(address, 'ipv6'))?.[0];
  return kind ?? (GLOBAL_UNICAST.check(address, 'ipv6') ? 'public' : 'reserved');
}

/** Names that mean this machine or a metadata service, whatever a resolver says. */
export function kindOfName(name: string): AddressKind | undefined {
  const lower = name.toLowerCase();
  if (/(^|\.)(localhost|localhost\.localdomain|localhost6|localhost6\.localdomain6|ip6-localhost|ip6-loopback)$/.test(lower))
    return 'loopback';
  if (/^(metadata|metadata\.google\.internal|metadata\.goog|instance-data|instance-data\.ec2\.internal)$/.test(lower)) return 'metadata';
  return undefined;
}
