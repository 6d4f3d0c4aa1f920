import { z } from 'zod';
import { text } from '../fields.ts';

export const ParticleConfig = z.strictObject({
  accessToken: text(1, 1024, { title: 'Access token', template: true, secret: true }),
  deviceNameOrId: text(1, 1024, {
    title: 'Device',
    description: "Name or id of one device. Absent: the devices of the token's owner.",
    template: true,
  }).optional(),
  productSlugOrId: text(1, 1024, { title: 'Product', description: 'Slug or id.', template: true }).optional(),
  orgSlugOrId: text(1, 1024, { title: 'Organization', description: 'Slug or id.', template: true }).optional(),
});
export type ParticleConfig = z.output<typeof ParticleConfig>;

/** Options of one function call; its argument is the payload. */
export const ParticleSend = z.strictObject({
  /** The function's name. */
  name: z.string().min(1, 'must not be blank').max(1024),
  /** Name or id; the integration's own device goes first. */
  device: z.string().min(1, 'must not be blank').max(1024).optional(),
  /** Slug or id; absent: the integration's. */
  product: z.string().min(1, 'must not be blank').max(1024).optional(),
});
export type ParticleSend = z.infer<typeof ParticleSend>;
