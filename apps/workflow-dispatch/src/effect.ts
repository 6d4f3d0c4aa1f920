import type { InboundType } from '#lib/contracts';

/** Where a message went. Every one has exactly one of these. */
export type Outcome = 'dispatched' | 'unmatched' | 'rejectedByQuota' | 'disabled' | 'deadLettered';

/** What a finished inbound event changes in the ledger, committed with the position. */
export interface Effect {
  readonly applicationId: string;
  /** Integration; of a press the workflow. */
  readonly sourceId: string;
  readonly sourceType: string;
  readonly type: InboundType;
  /** Workflows it started. */
  readonly triggered: number;
  /** Present for messages alone. */
  readonly message?: {
    readonly outcome: Outcome;
    /** Absent of a replayed one, which has none. */
    readonly number?: number;
    readonly missing: number;
    readonly repeated: boolean;
    readonly redelivered: boolean;
    /** Epoch ms: when it was stored. */
    readonly storedAt: number;
    /** The quota period that it was counted or refused in; absent when it was judged before the quota. */
    readonly period?: { readonly key: string; readonly started: Date };
  };
  readonly gap?: { readonly from: string; readonly to: string; readonly cause: string };
}
