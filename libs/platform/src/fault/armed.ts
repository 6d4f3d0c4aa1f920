/**
 * Kills this process at a named point, as `kill -9` would. `SLUICE_FAULT=<point>:<n>` arms the nth passing (default 1) from the start. While the process runs,
 * SIGUSR2 arms what the file `SLUICE_FAULT_FILE` says in the same form, and removes the file.
 */
import { readFileSync, rmSync } from 'node:fs';

let armedPoint = '';
let left = 0;
arm(process.env['SLUICE_FAULT'] ?? '');

const file = process.env['SLUICE_FAULT_FILE'];
if (file !== undefined) {
  process.on('SIGUSR2', () => {
    arm(readFileSync(file, 'utf8'));
    rmSync(file);
  });
}

export function fault(point: string): void {
  if (point !== armedPoint || --left > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

function arm(passing: string): void {
  const [point = '', nth = '1'] = passing.trim().split(':');
  armedPoint = point;
  left = Number(nth);
}
