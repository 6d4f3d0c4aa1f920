import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { APP, startedGateway, type StartedGateway } from '../../../test/harness/gateway.ts';

const BASE = `/applications/${APP}`;

let gateway: StartedGateway;
beforeEach(async () => {
  gateway = await startedGateway();
});
afterEach(() => gateway.stop());

describe('when parts are away', () => {
  it('says 503 at once when nobody answers commands', async () => {
    await gateway.config.stop();
    const answer = await gateway.call('POST', `${BASE}/flows`, { body: { name: 'x' } });
    expect(answer).toMatchObject({ status: 503, body: { type: 'Unavailable' } });
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('says so while the bus is away, and serves again when it is back', async () => {
    expect((await gateway.call('GET', BASE)).status).toBe(200);
    await gateway.nats.kill();
    await expect.poll(async () => (await gateway.call('GET', '/readyz')).status, { timeout: 10_000 }).toBe(503);
    expect(await gateway.call('GET', BASE)).toMatchObject({ status: 503, body: { type: 'Unavailable' } });
    expect(await gateway.call('GET', `${BASE}/runs`)).toMatchObject({ status: 503, body: { type: 'Unavailable' } });
    await gateway.nats.start();
    await expect.poll(async () => (await gateway.call('GET', BASE)).status, { timeout: 15_000 }).toBe(200);
    await expect.poll(async () => (await gateway.call('GET', '/readyz')).status, { timeout: 10_000 }).toBe(200);
    expect((await gateway.call('GET', `${BASE}/runs`)).status).toBe(200);
    expect(gateway.logLines.filter((line) => line.includes('a request failed'))).toEqual([]);
  });
});

describe('a stop', () => {
  it('finishes what is in flight, ends streams, and takes nothing new', async () => {
    const stream = await fetch(`${gateway.url}${BASE}/activity`, { headers: { authorization: 'Bearer app' } });
    let release = (): void => undefined;
    gateway.config.hold(new Promise<void>((resolve) => (release = resolve)));
    const inFlight = gateway.call('GET', BASE);
    await expect.poll(() => gateway.config.asked.length).toBe(1);
    const stopped = gateway.stopGateway();
    expect(await stream.text()).toBe(': connected\n\n');
    release();
    expect((await inFlight).status).toBe(200);
    await stopped;
    await expect(gateway.call('GET', '/healthz')).rejects.toThrow('fetch failed');
  });
});
