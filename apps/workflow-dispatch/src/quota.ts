import type { PlanLimits } from '#lib/contracts';

export type PeriodKind = PlanLimits['period'];

/** The quota period that a time (epoch ms) falls into, in UTC: `month:2026-11`, `day:2026-11-25`, `hour:2026-11-25T07`. */
export function periodOf(kind: PeriodKind, time: number): { readonly key: string; readonly started: Date } {
  const iso = new Date(time).toISOString();
  const text = kind === 'month' ? iso.slice(0, 7) : kind === 'day' ? iso.slice(0, 10) : iso.slice(0, 13);
  const whole = kind === 'month' ? `${text}-01T00` : kind === 'day' ? `${text}T00` : text;
  return { key: `${kind}:${text}`, started: new Date(`${whole}:00:00.000Z`) };
}

export interface QuotaRow {
  readonly applicationId: string;
  readonly period: string;
  readonly used: number;
  readonly refused: number;
}

interface Use {
  readonly period: string;
  used: number;
  refused: number;
}

/** Periods of one application that are remembered: the one that is running, the one before for what was stored just before its end. */
const PERIODS = 2;

/** What each application of a partition has used. It decides in the partition's order, so the same messages come to the same decisions after a take-over. */
export class QuotaBook {
  readonly #uses = new Map<string, Use[]>();

  load(rows: readonly QuotaRow[]): void {
    for (const { applicationId, period, used, refused } of rows) this.#remember(applicationId, { period, used, refused });
  }

  /** Takes one payload of the allowance (0 = no limit). `first`: it is the first one refused in this period. */
  take(applicationId: string, period: string, allowance: number): { readonly allowed: boolean; readonly first: boolean } {
    const use =
      this.#uses.get(applicationId)?.find((known) => known.period === period) ??
      this.#remember(applicationId, { period, used: 0, refused: 0 });
    if (allowance > 0 && use.used >= allowance) {
      use.refused += 1;
      return { allowed: false, first: use.refused === 1 };
    }
    use.used += 1;
    return { allowed: true, first: false };
  }

  /** Counts a message whose fate was decided before a take-over: it is dispatched whatever the plan says now. */
  charge(applicationId: string, period: string): void {
    this.take(applicationId, period, 0);
  }

  #remember(applicationId: string, use: Use): Use {
    const uses = this.#uses.get(applicationId);
    if (uses === undefined) this.#uses.set(applicationId, [use]);
    else {
      uses.push(use);
      uses.sort((a, b) => (a.period < b.period ? -1 : 1));
      if (uses.length > PERIODS) uses.shift();
    }
    return use;
  }
}
