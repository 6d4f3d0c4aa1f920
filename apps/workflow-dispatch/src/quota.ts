import type { PlanLimits } from '#lib/contracts';

export type PeriodKind = PlanLimits['period'];

/** A quota period in UTC: `month:2026-11`, `day:2026-11-25`, `hour:2026-11-25T07`. */
export interface Period {
  readonly key: string;
  readonly started: Date;
}

const HOUR_MS = 3_600_000;
/** The period of each kind that was told last, and its hour: nearly every message falls into the same one as the message before it. */
const latest = new Map<PeriodKind, { readonly hour: number; readonly period: Period }>();

/** The period that a time (epoch ms) falls into. */
export function periodOf(kind: PeriodKind, time: number): Period {
  const hour = Math.floor(time / HOUR_MS);
  const known = latest.get(kind);
  if (known?.hour === hour) return known.period;
  const iso = new Date(time).toISOString();
  const text = kind === 'month' ? iso.slice(0, 7) : kind === 'day' ? iso.slice(0, 10) : iso.slice(0, 13);
  const whole = kind === 'month' ? `${text}-01T00` : kind === 'day' ? `${text}T00` : text;
  const period = { key: `${kind}:${text}`, started: new Date(`${whole}:00:00.000Z`) };
  latest.set(kind, { hour, period });
  return period;
}

export interface QuotaRow extends Period {
  readonly applicationId: string;
  readonly used: number;
  readonly refused: number;
}

interface Use {
  readonly period: Period;
  used: number;
  refused: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** It is the first one refused in its period. */
  readonly first: boolean;
  /** What it was counted in. */
  readonly period: Period;
}

/**
 * Newest periods of each kind that are remembered of an application, here and by the query that loads them. A message can come after one of a later period
 * when its connector could not store it at once; one from before all of these counts in the oldest.
 */
export const PERIODS_KEPT = 4;

/** What each application of a partition has used. It decides in the partition's order, so the same messages come to the same decisions after a take-over. */
export class QuotaBook {
  readonly #uses = new Map<string, Use[]>();

  load(rows: readonly QuotaRow[]): void {
    for (const { applicationId, key, started, used, refused } of rows) {
      const use = this.#use(applicationId, { key, started });
      use.used = used;
      use.refused = refused;
    }
  }

  /** Takes one payload of the allowance; 0 = no limit, as for a message that was dispatched before a take-over, whatever the plan says now. */
  take(applicationId: string, period: Period, allowance: number): Taken {
    const use = this.#use(applicationId, period);
    if (allowance > 0 && use.used >= allowance) {
      use.refused += 1;
      return { allowed: false, first: use.refused === 1, period: use.period };
    }
    use.used += 1;
    return { allowed: true, first: false, period: use.period };
  }

  /** A plan may change its kind of period and back: kinds are kept apart. */
  #use(applicationId: string, period: Period): Use {
    const uses = this.#uses.get(applicationId) ?? [];
    const known = uses.find((use) => use.period.key === period.key);
    if (known !== undefined) return known;
    const alike = uses.filter((use) => kindOf(use.period) === kindOf(period)).sort((a, b) => +a.period.started - +b.period.started);
    const oldest = alike[0];
    if (oldest !== undefined && alike.length >= PERIODS_KEPT) {
      if (period.started < oldest.period.started) return oldest;
      uses.splice(uses.indexOf(oldest), 1);
    }
    const use = { period, used: 0, refused: 0 };
    uses.push(use);
    this.#uses.set(applicationId, uses);
    return use;
  }
}

const kindOf = ({ key }: Period): string => key.slice(0, key.indexOf(':'));
