import { expect, it } from 'vitest';
import { startHealthServer } from './health-server.ts';
import { createMetrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

it('answers for a service that has no HTTP of its own', async () => {
  let bus: Readiness = { ok: true };
  const metrics = createMetrics('dispatch');
  metrics.counter('sluice_messages_total', 'Messages decided').inc(3);
  const server = await startHealthServer({ host: '127.0.0.1', port: 0, parts: { bus: () => bus }, metrics: metrics.registry });
  try {
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    bus = { ok: false, reason: 'the connection to NATS is lost' };
    const refused = await fetch(`${server.url}/readyz`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({ ready: false, reasons: ['bus: the connection to NATS is lost'] });
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('sluice_messages_total{service="dispatch"} 3');
    expect((await fetch(`${server.url}/elsewhere`)).status).toBe(404);
  } finally {
    await server.stop();
  }
});
