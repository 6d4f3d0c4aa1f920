/**
 * `npm run bench`: what a message and an idle integration cost, beside Node-RED and a mosquitto bridge on the same cores in alternating rounds. Prints one
 * table and writes .bench/bench.json. Bounded in count and time; traffic goes to 127.0.0.1 only.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startMosquitto } from '../servers/mosquitto.ts';
import { fullLoad, latency } from './message-path.ts';
import { idleConnectors, idleIntegrations, idleProduct } from './memory.ts';
import { receive } from './receive.ts';
import { printTable, type Row } from './table.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BENCHMARKS: Record<string, (brokerPort: number) => Promise<Row[]>> = {
  idleProduct,
  fullLoad,
  latency,
  receive,
  idleIntegrations,
  idleConnectors,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark is named ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}\n`);
  process.exit(2);
}

const broker = await startMosquitto();
const rows: Row[] = [];
try {
  for (const [name, run] of Object.entries(BENCHMARKS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stdout.write(`• ${name} …\n`);
    rows.push(...(await run(broker.port)));
  }
} finally {
  await broker.stop();
}
printTable(rows);
mkdirSync(join(ROOT, '.bench'), { recursive: true });
writeFileSync(
  join(ROOT, '.bench', 'bench.json'),
  `${JSON.stringify({ time: new Date().toISOString(), node: process.version, rows }, null, 2)}\n`,
);
