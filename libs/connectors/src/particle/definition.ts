import type { Definition } from '#lib/connector-sdk';
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

export const particle: Definition<ParticleConfig> = {
  type: 'particle',
  title: 'Particle',
  config: ParticleConfig,
  // Its event stream can't be read again: what passes while the link is down is a recorded gap.
  capabilities: { delivery: () => 'at-most-once', queue: false, send: true, providerIds: false, topics: true },
  topic: z
    .string()
    // eslint-disable-next-line no-control-regex
    .regex(/^(\*|[^*\u0000-\u001f\u007f]+\*?)$/, 'must be the name of an event, a prefix followed by *, or * alone')
    .meta({ title: 'Event name', description: 'Exact; foo* for a prefix; * for all.' }),
  inlineAuthentication: [],
  authentication: () => 'inline',
  rules: () => [],
  endpoints: () => [],
};
