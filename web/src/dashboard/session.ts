// Who is signed in. The tokens are in this object and nowhere else: a reload forgets them.
import { ADMIN, ApiError, CLOSED, type Document, PUBLIC, refusal, send } from "./api";
import { RefreshDocument, type SessionPartsFragment, SignOutDocument } from "./generated/public";

const REFRESH_BEFORE = 60; // seconds
const SHUT = [CLOSED, "NOT_AN_OPERATOR", "SECOND_FACTOR_REQUIRED"];
const LONGEST_TIMER = 2 ** 31 - 1; // milliseconds; browsers fire a longer one at once

type StepUp = () => Promise<void>;

export class OperatorSession {
  private refreshing: Promise<void> | null = null;
  private confirming: Promise<void> | null = null;
  private timer: number | undefined;
  /** Shows the dialog that asks for a factor; resolves once it was shown. */
  askForFactor: StepUp = () => Promise.reject(new ApiError("UNEXPECTED", "There is no dialog."));
  /** Told when the session has ended without the user's doing. */
  onEnd: () => void = () => undefined;
  /** Told when the operators' interface is not, or not any more, for this user. */
  onShut: (error: ApiError) => void = () => undefined;

  constructor(private parts: SessionPartsFragment) {
    this.plan();
  }

  get user(): SessionPartsFragment["user"] {
    return this.parts.user;
  }

  /** Go on with newer tokens of the same session. */
  replace(parts: SessionPartsFragment): void {
    this.parts = parts;
    this.plan();
  }

  /** Send an operation of the public schema as this user. Throws ApiError. */
  async ask<Result, Variables>(
    document: Document<Result, Variables>,
    variables: Variables,
  ): Promise<Result> {
    return this.sent(PUBLIC, document, variables);
  }

  /**
   * Send an operation of the operators' schema. If the sign-in is too old, the user is asked to
   * confirm it, and the same operation is sent again. Throws ApiError.
   */
  async call<Result, Variables>(
    document: Document<Result, Variables>,
    variables: Variables,
  ): Promise<Result> {
    try {
      return await this.sent(ADMIN, document, variables);
    } catch (error) {
      const refused = refusal(error);
      if (SHUT.includes(refused.code)) this.onShut(refused);
      if (refused.code !== "ELEVATED_CLAIM_REQUIRED") throw error;
    }
    // Several operations may be refused at once; the user is asked once.
    this.confirming ??= this.askForFactor().finally(() => (this.confirming = null));
    await this.confirming;
    return this.sent(ADMIN, document, variables);
  }

  /** End the session on the server; forget it in any case. */
  async signOut(): Promise<void> {
    window.clearTimeout(this.timer);
    const { refreshToken } = this.parts;
    await send(PUBLIC, SignOutDocument, { refreshToken }).catch(() => undefined);
  }

  /** Forget the session. */
  forget(): void {
    window.clearTimeout(this.timer);
  }

  private async sent<Result, Variables>(
    endpoint: string,
    document: Document<Result, Variables>,
    variables: Variables,
  ): Promise<Result> {
    try {
      return await send(endpoint, document, variables, this.parts.accessToken);
    } catch (error) {
      if (refusal(error).code !== "UNAUTHENTICATED") throw error;
    }
    // The token may have expired while the computer slept.
    await this.refresh();
    try {
      return await send(endpoint, document, variables, this.parts.accessToken);
    } catch (error) {
      if (refusal(error).code === "UNAUTHENTICATED") this.onEnd();
      throw error;
    }
  }

  private plan(): void {
    window.clearTimeout(this.timer);
    const life = this.parts.accessTokenExpiresIn;
    const wait = Math.max(life - REFRESH_BEFORE, life / 2) * 1000;
    this.timer = window.setTimeout(
      () => void this.refresh().catch(() => undefined),
      Math.min(wait, LONGEST_TIMER),
    );
  }

  private refresh(): Promise<void> {
    this.refreshing ??= this.refreshed().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async refreshed(): Promise<void> {
    const { refreshToken } = this.parts;
    try {
      const { refreshSession } = await send(PUBLIC, RefreshDocument, { refreshToken });
      // A step-up may have replaced the tokens meanwhile: its own are the newer ones.
      if (this.parts.refreshToken === refreshToken) this.replace(refreshSession);
    } catch (error) {
      if (this.parts.refreshToken !== refreshToken) return;
      const { code } = refusal(error);
      if (["INVALID_REFRESH_TOKEN", "DISABLED_USER", "UNVERIFIED_USER"].includes(code)) {
        this.onEnd();
      }
      throw error;
    }
  }
}
