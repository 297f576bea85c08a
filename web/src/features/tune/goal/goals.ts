import { type Icon, IconDna2, IconFilter, IconMessages, IconSearch, IconTags } from "@tabler/icons-react";
import type { Goal } from "@/features/tune/draft";

export interface GoalWords {
  title: string;
  /** What the model will do, in one sentence. */
  does: string;
  /** One real case: what goes in, and what should come out. */
  given: string;
  wanted: string;
  /** Between the two: "becomes", "finds". */
  verb: string;
  /** What an example consists of, and how many help. */
  needs: string;
  icon: Icon;
}

export const GOALS: Record<Goal, GoalWords> = {
  chat: {
    title: "Answer in my style",
    does: "Answers questions the way your own answers do: their tone, length and knowledge.",
    given: "Can I still change the address of my order?",
    wanted: "Yes, until it is packed. Send me the order number and the new address, and it is done today.",
    verb: "is answered",
    needs: "Questions with your answers, or whole conversations. 50 show a style; a few hundred carry it.",
    icon: IconMessages,
  },
  extract: {
    title: "Pull facts out of text",
    does: "Reads a text and writes the facts you care about, always in the same form.",
    given: "Invoice 20417 of 3 May for Holm & Sons, 89.90 euros, due in 14 days.",
    wanted: '{"number": "20417", "customer": "Holm & Sons", "total": 89.9}',
    verb: "becomes",
    needs: "Texts with the result you want for each, written alike. 100 are a good start.",
    icon: IconFilter,
  },
  classify: {
    title: "Sort texts into classes",
    does: "Gives each text one of your labels, or several, with how sure it is.",
    given: "The parcel says delivered, but nothing is here.",
    wanted: "delivery",
    verb: "is sorted as",
    needs: "Texts with their label. 20 or more of each label; the rarest decides.",
    icon: IconTags,
  },
  search: {
    title: "Find texts by meaning",
    does: "Brings texts that mean the same close together, so that a search finds what was meant.",
    given: "I forgot my password",
    wanted: "Resetting your sign-in details",
    verb: "finds",
    needs: "Pairs that belong together: a question and the text that answers it. 200 or more.",
    icon: IconSearch,
  },
  protein: {
    title: "Design protein sequences",
    does: "Writes new sequences that resemble a family of proteins.",
    given: "60 lysozymes of different species",
    wanted: "MKALIVLGLVLLSVTVQGKVFERCELARTLKRLGM…",
    verb: "lead to new ones",
    needs: "Sequences of one family as FASTA, or a column of them. 50 or more.",
    icon: IconDna2,
  },
};

export const GOAL_ORDER: Goal[] = ["chat", "extract", "classify", "search", "protein"];
