import { appendFileSync } from 'node:fs';

export interface Figure {
  /** Its number in the list of promises. */
  readonly promise: number;
  readonly what: string;
  readonly figure: string;
  readonly holds: boolean;
}

/** Keeps a figure for `npm run promises`; elsewhere it does nothing. */
export function recordFigure(figure: Figure): void {
  const file = process.env['SLUICE_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** True in the long form (`npm run promises -- --long`). */
export const LONG = process.env['SLUICE_LONG'] === '1';
