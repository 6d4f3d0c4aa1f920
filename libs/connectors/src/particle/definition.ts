import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { ParticleConfig, ParticleSend } from './config.ts';

export const particle: Definition<ParticleConfig> = {
  type: 'particle',
  title: 'Particle',
  config: ParticleConfig,
  // Its event stream can't be read again: what passes while the link is down is a recorded gap.
  capabilities: { delivery: () => 'at-most-once', queue: false, send: true, providerIds: false, topics: true, binary: false },
  topic: z
    .string()
    // eslint-disable-next-line no-control-regex
    .regex(/^(\*|[^*\u0000-\u001f\u007f]+\*?)$/, 'must be the name of an event, a prefix followed by *, or * alone')
    .meta({ title: 'Event name', description: 'Exact; foo* for a prefix; * for all.' }),
  send: ParticleSend,
  messageData: ({ attributes, body }) => ({
    ...attributes,
    data: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
  }),
  load: async () => {
    const [{ particleProvider }, { particleUrl }] = await Promise.all([import('./provider.ts'), import('./settings.ts')]);
    return particleProvider({ url: particleUrl(process.env) });
  },
  inlineAuthentication: [],
  authentication: () => 'inline',
  rules: () => [],
  endpoints: () => [],
};
