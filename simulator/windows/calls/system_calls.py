"""The calls that do one thing and return: each a line, made of the function that does it.

Documentation and parameters are the function's. A call that fails gives what Windows gives for failure, 0 unless the
line says something else, and the code is the thread's last error.
"""

from __future__ import annotations

from simulator.windows import constants as c
from simulator.windows import (
    dep,
    discardable,
    file,
    information,
    locking,
    mapping,
    notifications,
    objects,
    pool,
    section,
    working_set,
)
from simulator.windows.address_space import AddressSpace
from simulator.windows.calls.base import Calls, call_elsewhere, coded_call, opening_call, space_call, system_call
from simulator.windows.regions import fixed, placeholder, private


class SystemCalls(Calls):
    """Memory, sections, files, working sets, objects, and what the system says of itself."""

    # Address space
    virtual_alloc = space_call(AddressSpace.virtual_alloc)
    virtual_alloc_ex = call_elsewhere(AddressSpace.virtual_alloc, "VirtualAllocEx")
    virtual_alloc2 = system_call(placeholder.virtual_alloc2)
    virtual_free = space_call(AddressSpace.virtual_free, failed=False)
    virtual_free_ex = call_elsewhere(AddressSpace.virtual_free, "VirtualFreeEx", failed=False)
    virtual_query = space_call(AddressSpace.virtual_query, failed=None)
    virtual_query_ex = call_elsewhere(AddressSpace.virtual_query, "VirtualQueryEx", failed=None)
    virtual_protect = space_call(AddressSpace.virtual_protect)
    virtual_protect_ex = call_elsewhere(AddressSpace.virtual_protect, "VirtualProtectEx")
    virtual_unlock = space_call(locking.virtual_unlock, failed=False)
    offer_virtual_memory = coded_call(discardable.offer_virtual_memory)
    reclaim_virtual_memory = coded_call(discardable.reclaim_virtual_memory)
    discard_virtual_memory = coded_call(discardable.discard_virtual_memory)
    prefetch_virtual_memory = space_call(discardable.prefetch_virtual_memory, failed=False)
    get_write_watch = space_call(private.get_write_watch, failed=None)
    reset_write_watch = space_call(private.reset_write_watch, failed=False)
    get_large_page_minimum = system_call(information.get_large_page_minimum)
    allocate_user_physical_pages = space_call(fixed.allocate_user_physical_pages, failed=None)
    map_user_physical_pages = space_call(fixed.map_user_physical_pages, failed=False)
    free_user_physical_pages = space_call(fixed.free_user_physical_pages, failed=False)

    # Files, sections and their views
    create_file = opening_call(file.create_file, failed=c.INVALID_HANDLE_VALUE)
    get_file_size = system_call(file.get_file_size, failed=None)
    set_end_of_file = system_call(file.set_end_of_file, failed=False)
    create_file_mapping = opening_call(section.create_file_mapping)
    open_file_mapping = system_call(section.open_file_mapping)
    map_view_of_file = system_call(mapping.map_view_of_file)
    map_view_of_file_ex = system_call(mapping.map_view_of_file_ex)
    map_view_of_file3 = system_call(mapping.map_view_of_file3)
    unmap_view_of_file = system_call(mapping.unmap_view_of_file, failed=False)
    unmap_view_of_file_ex = system_call(mapping.unmap_view_of_file_ex, failed=False)
    unmap_view_of_file2 = system_call(mapping.unmap_view_of_file2, failed=False)
    flush_view_of_file = system_call(mapping.flush_view_of_file, failed=False)

    # Working sets
    get_process_working_set_size = system_call(working_set.get_process_working_set_size, failed=None)
    get_process_working_set_size_ex = system_call(working_set.get_process_working_set_size_ex, failed=None)
    set_process_working_set_size = system_call(working_set.set_process_working_set_size, failed=False)
    set_process_working_set_size_ex = system_call(working_set.set_process_working_set_size_ex, failed=False)
    empty_working_set = system_call(working_set.empty_working_set, failed=False)
    query_working_set = space_call(working_set.query_working_set)
    query_working_set_ex = space_call(working_set.query_working_set_ex)
    initialize_process_for_ws_watch = system_call(working_set.initialize_process_for_ws_watch, failed=False)
    get_ws_changes = system_call(working_set.get_ws_changes, failed=None)
    get_ws_changes_ex = system_call(working_set.get_ws_changes_ex, failed=None)
    get_process_memory_info = system_call(working_set.get_process_memory_info, failed=None)
    set_memory_priority = system_call(working_set.set_memory_priority, failed=False)
    get_memory_priority = system_call(working_set.get_memory_priority)

    # Handles and events
    close_handle = system_call(objects.close_handle, failed=False)
    duplicate_handle = system_call(objects.duplicate_handle)
    get_process_handle_count = system_call(objects.get_process_handle_count)
    create_event = opening_call(objects.create_event)
    open_event = system_call(objects.open_event)
    set_event = system_call(objects.set_event, failed=False)
    reset_event = system_call(objects.reset_event, failed=False)
    create_memory_resource_notification = system_call(notifications.create_memory_resource_notification)
    query_memory_resource_notification = system_call(notifications.query_memory_resource_notification, failed=None)

    # The system and the process
    get_system_dep_policy = system_call(dep.get_system_dep_policy)
    set_process_dep_policy = system_call(dep.set_process_dep_policy, failed=False)
    get_process_dep_policy = system_call(dep.get_process_dep_policy, failed=None)
    global_memory_status = system_call(information.global_memory_status)
    global_memory_status_ex = system_call(information.global_memory_status_ex)
    get_system_info = system_call(information.get_system_info)
    get_native_system_info = system_call(information.get_native_system_info)
    get_physically_installed_system_memory = system_call(information.get_physically_installed_system_memory)
    get_performance_info = system_call(information.get_performance_info)
    ex_free_pool_with_tag = system_call(pool.ex_free_pool_with_tag, failed=False)
