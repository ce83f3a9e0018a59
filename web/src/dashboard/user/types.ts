// What the parts of a user's page are given.
import type { Act } from "../acts";
import type { UserFactsFragment } from "../generated/admin";

export type User = UserFactsFragment;
export type Do = (act: Act) => void;
