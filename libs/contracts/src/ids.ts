import { z } from 'zod';

/** A resource id: 24 hexadecimal characters, as existing clients expect. */
export const ResourceId = z
  .string()
  .regex(/^[0-9a-fA-F]{24}$/, 'must be 24 hexadecimal characters')
  .meta({ title: 'Id' });
export type ResourceId = z.infer<typeof ResourceId>;

/** Makes a resource id: 4 bytes of seconds since the epoch, then 8 random ones, so ids sort roughly by age. */
export function newResourceId(nowMs: number, random: (bytes: Uint8Array) => Uint8Array): string {
  const bytes = random(new Uint8Array(12));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, Math.floor(nowMs / 1000));
  return Buffer.from(bytes).toString('hex');
}
