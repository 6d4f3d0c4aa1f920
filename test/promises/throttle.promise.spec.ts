import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEcho } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Product } from '../product/product.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';
import { LONG, recordFigure } from './figures.ts';

const SECONDS = LONG ? 60 : 20;
const OFFERED_PER_SECOND = 200;
const PLAN = { messagesPerSecond: 20, burst: 20 };

let product: Product;
let broker: Mosquitto;
beforeAll(async () => {
  broker = await startMosquitto();
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('promise 14: the throttle', () => {
  it(
    'lets 20 messages a second through, however many are offered, and loses none that the source can hold',
    { timeout: 300_000 },
    async () => {
      const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, 'out/throttle');
      const echo = await makeEcho(product, {
        mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
        topics: ['in/throttle'],
        answerTopic: 'out/throttle',
        answer: '{"echo": {{working.echo}}, "time": {{jsonEncode time}} }',
        limits: PLAN,
      });
      await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
      // When the connector let it through: what happens behind it is not the throttle's.
      const times: number[] = [];
      listener.client.on('message', (_topic, body) => times.push(Date.parse((JSON.parse(body.toString()) as { time: string }).time)));
      const total = OFFERED_PER_SECOND * SECONDS;
      await listener.publish('in/throttle', 1, total);
      const watchedUntil = performance.now() + SECONDS * 1_000;
      await expect.poll(() => performance.now() > watchedUntil, { timeout: (SECONDS + 5) * 1_000 }).toBe(true);
      const window = Math.min(15_000, (SECONDS - 5) * 1_000);
      const rate = highestRate(times.slice(PLAN.burst), window);
      // A process that stands still for a second has a second's messages in hand after it: the figure says what was measured, the bound holds on any machine.
      expect(rate).toBeLessThanOrEqual(PLAN.messagesPerSecond + (PLAN.burst / window) * 1_000);
      expect(rate).toBeGreaterThan(15);
      // Lifting the throttle lets the rest through: nothing was lost while it was held.
      await product.call('PATCH', `/applications/${echo.applicationId}`, { limits: { messagesPerSecond: 0, burst: 0 } });
      await listener.untilAnswered(total, 60_000);
      const ledger = await echo.ledger();
      expect(ledger.unexplained).toBe(0);
      recordFigure({
        promise: 14,
        what: `${OFFERED_PER_SECOND} msg/s offered for ${SECONDS} s at 20/s, then the throttle lifted`,
        figure: `highest rate over ${window / 1_000} s: ${rate.toFixed(2)}/s; ${total - listener.answers.size} lost`,
        holds: rate <= 20.4 && listener.answers.size === total,
      });
      await listener.stop();
    },
  );
});

/** The most messages in any window, per second. */
function highestRate(times: readonly number[], windowMs: number): number {
  let first = 0;
  let most = 0;
  times.forEach((time, last) => {
    while (time - (times[first] ?? 0) > windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  });
  return most / (windowMs / 1_000);
}
