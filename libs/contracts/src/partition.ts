/** How many partitions ids hash onto. Fixed for the life of an installation: it is part of every stored subject. */
export const PARTITIONS = 64;

/** The partition of an id: FNV-1a 32 over its ASCII bytes, mod 64. Applications for dispatch and runner, integrations for connectors. */
export function partitionOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) {
    hash ^= id.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % PARTITIONS;
}
