import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { addressOf, type Filters, filtersOf, sameFilters } from "@/features/jobs/filters";

/** The filters of the address, and a function that goes to others: back leads to those before. While a search is typed
 *  on, the address is replaced, so that back does not go letter by letter. */
export function useFilters(): [Filters, (filters: Filters) => void] {
  const [address, setAddress] = useSearchParams();
  const filters = useMemo(() => filtersOf(address), [address]);
  const set = useCallback(
    (wanted: Filters) => {
      if (sameFilters(wanted, filters)) return;
      const typing = filters.search !== "" && sameFilters({ ...wanted, search: filters.search }, filters);
      setAddress(addressOf(wanted), { replace: typing && wanted.search !== "" });
    },
    [filters, setAddress],
  );
  return [filters, set];
}
