// The words for what the server names in capitals.
import type { FactorType, SettingSource } from "./generated/admin";

const FACTORS: Record<FactorType, string> = {
  TOTP: "authenticator app",
  PASSKEY: "passkey",
  RECOVERY_CODE: "recovery codes",
};

/** Return the factors in words; "" without one. */
export function factorWords(factors: readonly FactorType[]): string {
  return factors.map((factor) => FACTORS[factor]).join(", ");
}

/** Return `SIGN_IN_FAILED` as "Sign in failed". */
export function eventWords(type: string): string {
  const words = type.replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const SOURCES: Record<SettingSource, string> = {
  ENVIRONMENT: "environment",
  DASHBOARD: "set by operators",
  FILE: "nhost.toml",
  DEFAULT: "default",
};
