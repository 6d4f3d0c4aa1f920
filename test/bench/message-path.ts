import { type LoadResult, median, quantile, runLoad } from './load.ts';
import { cpuSeconds } from './processes.ts';
import { startBridge, startNodeRed, startSluice, type System } from './systems.ts';
import type { Row } from './table.ts';

const ROUNDS = 5;
const FULL_LOAD = 20_000;
const WARM_UP = 2_000;

interface Measured extends LoadResult {
  readonly cpuMicros: number;
}

async function measure(system: System, port: number, count: number, rate?: number): Promise<Measured> {
  const before = cpuSeconds(system.pid);
  const result = await runLoad({ port, inTopic: system.inTopic, outTopic: system.outTopic, count, rate, withinMs: 120_000 });
  if (result.answered < count) throw new Error(`${system.name} answered ${result.answered} of ${count}`);
  return { ...result, cpuMicros: ((cpuSeconds(system.pid) - before) / count) * 1e6 };
}

/** Runs the systems in turn, A B C A B C …, so that a change of the machine's speed meets all of them. */
async function alternate(systems: readonly System[], port: number, count: number, rate?: number): Promise<Measured[][]> {
  const results: Measured[][] = systems.map(() => []);
  for (const system of systems) await measure(system, port, WARM_UP, rate);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [index, system] of systems.entries()) {
      const measured = await measure(system, port, count, rate);
      results[index]?.push(measured);
      process.stdout.write(
        `  round ${round} of ${ROUNDS}: ${system.name}: ${measured.cpuMicros.toFixed(0)} µs a message, ${(count / measured.seconds).toFixed(0)} msg/s\n`,
      );
    }
  }
  return results;
}

/** Starts systems one after the other, and has each of them stopped in the end, those too that stood when a later one didn't start. */
async function withSystems<T>(starts: readonly (() => Promise<System>)[], work: (systems: readonly System[]) => Promise<T>): Promise<T> {
  const systems: System[] = [];
  try {
    for (const start of starts) systems.push(await start());
    return await work(systems);
  } finally {
    for (const system of systems) await system.stop();
  }
}

/** Median, over the rounds, of one system's figure divided by another's in the same round. */
const ratio = (a: readonly Measured[], b: readonly Measured[], of: (m: Measured) => number): number =>
  median(a.map((measured, round) => of(measured) / of(b[round] ?? measured)));

/** MQTT QoS 1 in → rule → MQTT QoS 1 out, as fast as each system takes it. */
export async function fullLoad(port: number): Promise<Row[]> {
  const starts = [
    () => startSluice(port, 'sync 1s', { SLUICE_SYNC: '1s' }),
    () => startNodeRed(port),
    () => startBridge(port),
    () => startSluice(port, 'sync always', { SLUICE_SYNC: 'always' }),
  ];
  return await withSystems(starts, async (systems) => {
    const results = await alternate(systems, port, FULL_LOAD);
    const [, peer = []] = results;
    return systems.map((system, index) => {
      const runs = results[index] ?? [];
      const cpu = ratio(runs, peer, (m) => m.cpuMicros);
      const micros = median(runs.map((m) => m.cpuMicros));
      const perSecond = median(runs.map((m) => FULL_LOAD / m.seconds));
      const isTarget = index === 0;
      return {
        what: `MQTT QoS 1 → rule → MQTT QoS 1, full load: ${system.name}`,
        figure: `${micros.toFixed(0)} µs of CPU a message, ${perSecond.toFixed(0)} msg/s, ${runs.reduce((sum, m) => sum + m.extra, 0)} extra`,
        target: isTarget ? `${cpu.toFixed(2)} × Node-RED (≤ 2)` : `${cpu.toFixed(2)} × Node-RED`,
        ...(isTarget ? { holds: cpu <= 2 } : {}),
        numbers: { micros: runs.map((m) => m.cpuMicros), perSecond, ratio: cpu },
      };
    });
  });
}

/** Latency and CPU at a steady 1,000 messages a second. */
export async function latency(port: number): Promise<Row[]> {
  return await withSystems([() => startSluice(port, 'steady', {}), () => startNodeRed(port)], async (systems) => {
    const results = await alternate(systems, port, 10_000, 1_000);
    const [, peer = []] = results;
    return systems.map((system, index) => {
      const runs = results[index] ?? [];
      const p50 = median(runs.map((m) => quantile(m.latencies, 0.5)));
      const p99 = median(runs.map((m) => quantile(m.latencies, 0.99)));
      const cpu = ratio(runs, peer, (m) => m.cpuMicros);
      return {
        what: `1,000 msg/s, publish to answer: ${system.name}`,
        figure: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${median(runs.map((m) => m.cpuMicros)).toFixed(0)} µs of CPU a message`,
        target: index === 0 ? `p99 ≤ 10 ms; CPU ${cpu.toFixed(2)} × Node-RED` : '',
        ...(index === 0 ? { holds: p99 <= 10 } : {}),
        numbers: { p50, p99, ratio: cpu },
      };
    });
  });
}
