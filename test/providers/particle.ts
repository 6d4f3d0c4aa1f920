import { startFaultProxy } from '../servers/fault-proxy.ts';
import { startParticleServer } from '../servers/particle.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';

const TOKENS = ['good-token', 'rotated-token'] as const;
const DEVICE = 'device';

export const particle: Driver = { type: 'particle', message: 'data.data', start };

async function start(): Promise<ProviderServer> {
  const server = await startParticleServer();
  server.tokens.add(TOKENS[1]);
  const proxy = await startFaultProxy({ port: Number(new URL(server.url).port) });
  const configured = (name: string, accessToken: string = TOKENS[0], more: object = {}): Configured => ({
    topics: [name],
    config: { accessToken, ...more },
    secrets: [accessToken],
  });
  return {
    name: 'ours, HTTP of api.particle.io',
    settings: { SLUICE_PARTICLE_URL: `http://127.0.0.1:${proxy.port}` },
    proxy,
    source: (name) =>
      Promise.resolve({
        ...configured(name),
        rotated: configured(name, TOKENS[1]),
        refused: () => configured(name, 'wrong'),
        publish: (bodies) => {
          for (const body of bodies) server.publish({ name, data: body.toString() });
          return Promise.resolve();
        },
        remains: () => Promise.resolve(server.streams.filter((path) => path.endsWith(`/${name}`))),
      }),
    outlet: (name) => {
      const sent: string[] = [];
      server.functions.set(`${DEVICE}/${name}`, (args) => sent.push(args));
      return Promise.resolve({
        ...configured(name),
        options: { name, device: DEVICE },
        node: (integrationId, argTemplate) => ({
          type: 'ParticleCallNode',
          config: { integrationId, nameTemplate: name, deviceTemplate: DEVICE, argTemplate, resultPath: 'working.sent' },
        }),
        sent: () => sent,
      });
    },
    missing: () => Promise.resolve(configured('any', TOKENS[0], { deviceNameOrId: 'missing' })),
    revoke: () => {
      for (const token of TOKENS) server.revoke(token);
      return Promise.resolve();
    },
    restore: () => {
      for (const token of TOKENS) server.tokens.add(token);
      return Promise.resolve();
    },
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}
