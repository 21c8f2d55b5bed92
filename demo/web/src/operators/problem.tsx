/** What a page of operators shows when the server does not answer, or wants the secret. */

import { useState } from "preact/hooks";

import { giveSecret, Refused } from "./asking";

export function OperatorProblem(props: { problem: Error | null; onSecret: () => void }) {
  const [secret, setSecret] = useState("");
  if (props.problem === null) return null;
  const wantsSecret = props.problem instanceof Refused && props.problem.status === 401;
  return (
    <div role="alert" class="card">
      <p>{wantsSecret ? "What goes on here is for operators." : `The server cannot be asked: ${props.problem.message}`}</p>
      {wantsSecret && (
        <form
          class="line"
          onSubmit={(event) => {
            event.preventDefault();
            giveSecret(secret);
            props.onSecret();
          }}
        >
          <label>
            Secret <input type="password" autocomplete="current-password" value={secret} onInput={(event) => setSecret(event.currentTarget.value)} required />
          </label>
          <button type="submit">Enter</button>
        </form>
      )}
    </div>
  );
}
