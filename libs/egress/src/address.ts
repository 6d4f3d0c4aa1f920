import { isIPv4, isIPv6 } from 'node:net';

/** The 16 bytes of a canonical IPv6 address (as the URL parser writes it, or any form `net.isIPv6` accepts without a zone). */
export function ipv6Bytes(address: string): Uint8Array {
  const [head = '', tail] = address.split('::');
  const words = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((part) => {
          if (!part.includes('.')) return [Number.parseInt(part, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const first = words(head);
  const last = tail === undefined ? [] : words(tail);
  const all = [...first, ...Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0), ...last];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

const v4At = (bytes: Uint8Array, at: number): string => bytes.subarray(at, at + 4).join('.');
const startsWith = (bytes: Uint8Array, prefix: readonly number[]): boolean => prefix.every((byte, index) => bytes[index] === byte);

/**
 * The IPv4 address that an IPv6 address only wraps, and so reaches: mapped and compatible (::ffff:0:0/96, ::/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16),
 * ISATAP (…:5efe:a.b.c.d). undefined: it is an address of its own.
 */
export function embeddedIpv4(address: string): string | undefined {
  const bytes = ipv6Bytes(address);
  const zeros = (count: number): boolean => bytes.subarray(0, count).every((byte) => byte === 0);
  if (zeros(10) && bytes[10] === 0xff && bytes[11] === 0xff) return v4At(bytes, 12);
  if (zeros(8) && bytes[8] === 0xff && bytes[9] === 0xff && bytes[10] === 0 && bytes[11] === 0) return v4At(bytes, 12); // ::ffff:0:a.b.c.d, translated
  if (zeros(12) && !zeros(15)) return v4At(bytes, 12);
  if (startsWith(bytes, [0x00, 0x64, 0xff, 0x9b]) && bytes.subarray(4, 12).every((byte) => byte === 0)) return v4At(bytes, 12);
  if (startsWith(bytes, [0x20, 0x02])) return v4At(bytes, 2);
  if ((bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe) return v4At(bytes, 12);
  return undefined;
}

export interface CanonicalHost {
  readonly name: string;
  /** 4 or 6 for an address, 0 for a name that has to be resolved. */
  readonly family: 0 | 4 | 6;
}

/**
 * A host as every client will end up reading it: the URL standard's own parser folds decimal, octal, hexadecimal and short IPv4, full-width digits and
 * IDNA dots; one trailing dot goes. undefined: not a host at all (zone ids too: they name an interface of this machine).
 */
export function canonicalHost(host: string): CanonicalHost | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (bare.includes(':')) {
    if (!isIPv6(bare) || bare.includes('%')) return undefined;
    return { name: new URL(`http://[${bare}]/`).hostname.slice(1, -1), family: 6 };
  }
  // eslint-disable-next-line no-control-regex
  if (host === '' || host.length > 1024 || /[\u0000-\u0020\u007f/\\?#@%[\]<>^|"]/.test(host)) return undefined;
  if (!URL.canParse(`http://${host}/`)) return undefined;
  const name = new URL(`http://${host}/`).hostname.replace(/\.$/, '');
  if (name === '' || name.length > 253 || name.startsWith('.') || name.includes('..') || name.endsWith('.')) return undefined; // no empty label
  return { name, family: isIPv4(name) ? 4 : 0 };
}
