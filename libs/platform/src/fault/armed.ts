/**
 * Kills this process at a named point, as `kill -9` would. `SLUICE_FAULT=<point>:<n>` arms the nth passing (default 1);
 * `SLUICE_FAULT_ONCE=<file>`: armed only while that file does not exist yet; it is written just before the kill, so the restarted process runs on.
 */
import { existsSync, writeFileSync } from 'node:fs';

const [armedPoint, nth = '1'] = (process.env['SLUICE_FAULT'] ?? '').split(':');
const onceFile = process.env['SLUICE_FAULT_ONCE'];
let left = Number(nth);

export function fault(point: string): void {
  if (point !== armedPoint || --left > 0) return;
  if (onceFile !== undefined) {
    if (existsSync(onceFile)) return;
    writeFileSync(onceFile, `${point}\n`);
  }
  process.kill(process.pid, 'SIGKILL');
}
