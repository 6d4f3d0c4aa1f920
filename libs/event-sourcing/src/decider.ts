/**
 * What an aggregate may do: plain functions. Ids, clock and actor arrive in the command; a broken rule throws and nothing has happened.
 * An empty list of events means that the command changes nothing.
 */
export interface Decider<State, Command, Event> {
  readonly initialState: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}
